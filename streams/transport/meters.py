"""The transport's metrics with a partition's labels filled in once."""

from homeostat.streams import metrics


class Meters:
    """Metrics of one runner."""

    def __init__(self, stage: str, partition: int) -> None:
        self._stage = stage
        self._where = (stage, str(partition))
        self.records_in = metrics.RECORDS_IN.labels(*self._where)
        self.batch_records = metrics.BATCH_RECORDS.labels(stage)
        self.apply_s = metrics.APPLY_SECONDS.labels(stage)
        self.checkpoint_s = metrics.CHECKPOINT_SECONDS.labels(stage)
        self.checkpoint_time = metrics.CHECKPOINT_TIME.labels(*self._where)
        self.state_records = metrics.STATE_RECORDS.labels(stage)
        self.restore_s = metrics.RESTORE_SECONDS.labels(stage)
        self.lag = metrics.LAG_RECORDS.labels(*self._where)
        self.ready = metrics.PARTITION_READY.labels(*self._where)
        self.fenced = metrics.FENCED.labels(stage)
        self.healed = metrics.HEALED.labels(stage)
        self.lost_batches = metrics.LOST_BATCHES.labels(stage)
        self.log_gaps = metrics.LOG_GAPS.labels(stage)

    def wrote(self, topic: str, records: int) -> None:
        metrics.RECORDS_OUT.labels(self._stage, topic).inc(records)

    def forget(self) -> None:
        """Take away what describes a partition that is served elsewhere now."""
        for gauge in (metrics.CHECKPOINT_TIME, metrics.LAG_RECORDS, metrics.PARTITION_READY):
            gauge.remove(*self._where)
