"""A seeded simulator of clinical runtimes: real figures of notes, simulated clinics."""
