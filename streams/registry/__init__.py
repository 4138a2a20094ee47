"""The registry as people meet it: artifacts, releases and overrides from the broker or from a folder of YAML."""
