"""The report: `content` turns a study's results into plain data, and `page` turns that into one HTML file."""
