"""The parts of the documents that come from the code: commands, variables, columns. ``script/docs`` writes them."""
