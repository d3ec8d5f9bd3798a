"""The modules that publish, for an async bus. The others run there as they are."""
