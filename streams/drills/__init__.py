"""Live-fire drills, run by control: the shell around `detectors.drills`."""
