"""The control relay: copies documents, decisions and acknowledgements into the stages' inputs, and keeps time."""
