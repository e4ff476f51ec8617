"""What is found on hosts before anything is changed there: each finding with its level and its remedy."""
