"""What a user has listed of a host is tuned for a trial, and put back after it: Python 3.8, no packages."""
