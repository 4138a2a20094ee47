"""One place where settings become librdkafka's configuration."""

from homeostat.streams.settings import KafkaSettings

_OPTIONAL = {
    "sasl_username": "sasl.username",
    "ssl_ca_path": "ssl.ca.location",
    "ssl_certificate_path": "ssl.certificate.location",
    "ssl_key_path": "ssl.key.location",
}


def client_config(kafka: KafkaSettings) -> dict[str, str | int | float | bool]:
    """Connection, identity and security of a librdkafka client. Secrets are revealed here, into the client only."""
    config: dict[str, str | int | float | bool] = {
        "bootstrap.servers": kafka.bootstrap_servers,
        "client.id": kafka.client_id,
        "security.protocol": kafka.security_protocol,
        "log_level": 3,
    }
    if kafka.security_protocol.startswith("SASL"):
        config["sasl.mechanism"] = kafka.sasl_mechanism
        if kafka.sasl_password is not None:
            config["sasl.password"] = kafka.sasl_password.get_secret_value()
    for field, name in _OPTIONAL.items():
        value = getattr(kafka, field)
        if value is not None:
            config[name] = str(value)
    return config
