"""What a sealed run says, for people: on the terminal and as a page. Made from the archive alone."""
