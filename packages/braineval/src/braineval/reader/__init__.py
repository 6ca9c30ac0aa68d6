"""Real and generated slices in, what human readers make of them out: a page on loopback, answers, results."""
