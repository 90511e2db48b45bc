"""Two results folders set side by side: what one table says of both, and when that is bad news."""
