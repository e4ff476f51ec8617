"""Plans that take a ratio apart: which cells they need, and what their trials say of its causes."""
