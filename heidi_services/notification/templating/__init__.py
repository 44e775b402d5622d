"""What templates may use: the values of their variables, the filters, and the languages of both."""
