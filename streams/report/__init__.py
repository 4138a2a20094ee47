"""The report: one HTML page of what a log shows, gathered while the core runs over it, then rendered."""
