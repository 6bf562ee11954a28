"""What ``explain`` says of one thing, from what is known of the whole guest. It makes no findings of its own."""
