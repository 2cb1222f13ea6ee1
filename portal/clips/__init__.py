"""Short films of a dog, for its shelter's staff: how it moves, as a hint and never as a fact."""
