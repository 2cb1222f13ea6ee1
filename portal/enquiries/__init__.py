"""What adopters ask a dog's shelter, and what it answers."""
