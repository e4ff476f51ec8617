"""What stands between the apps and Redis on the server host, to hold up Redis' answers: Python 3.8, no packages."""
