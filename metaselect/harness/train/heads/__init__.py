"""One module a kind of output layer: how it encodes rows, its loss, and how it is scored."""
