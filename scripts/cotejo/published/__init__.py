"""What others published: their figures as printed (config/published/), and what follows from these on paper alone."""
