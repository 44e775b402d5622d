"""What clients can subscribe to. `opening` chooses the module of a channel by its name."""
