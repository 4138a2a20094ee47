"""What records have in common: standard normal numbers by signal, alike within sessions, clinicians, days, clinics."""

import numpy as np

from homeostat.streams.scenarios.scenario import Scenario
from homeostat.streams.scenarios.sessions import Floats, Records, days_of, make_rng


class Latents:
    """Draws each signal's numbers from a stream of its own; the same signal always gives the same."""

    def __init__(self, scenario: Scenario, records: Records) -> None:
        self._scenario, self._records = scenario, records
        cells = scenario.cells()
        tenants, specialties = list(scenario.tenants), list(scenario.specialties)
        self._tenant = np.array([tenants.index(tenant) for tenant, _, _ in cells])[records.cell]
        self._specialty = np.array([specialties.index(specialty) for _, specialty, _ in cells])[records.cell]
        self._pairs = np.array([tenants.index(t) * len(specialties) + specialties.index(s) for t, s, _ in cells])
        self._day = days_of(scenario, records.work_ms).astype(np.int64)
        self._kept: dict[str, Floats] = {}

    def of(self, name: str) -> Floats:
        """The signal's standard normal numbers by record."""
        if name not in self._kept:
            self._kept[name] = self._draw(name)
        return self._kept[name]

    def uniform(self, name: str) -> Floats:
        """Independent numbers in [0, 1) by record."""
        drawn: Floats = make_rng(self._scenario, f"uniform/{name}").random((self._records.session.shape[0],))
        return drawn

    def _draw(self, name: str) -> Floats:
        scenario, records, rng = self._scenario, self._records, make_rng(self._scenario, f"signal/{name}")
        alike, count = scenario.clusters, self._records.session.shape[0]
        people = _centre(rng.standard_normal((int(self._pairs.max()) + 1, alike.clinicians)))
        offsets = [_centre(rng.standard_normal(len(names))) for names in (scenario.tenants, scenario.specialties)]
        by_session = rng.standard_normal(int(records.session.max(initial=0)) + 1)
        by_day = rng.standard_normal((len(scenario.tenants), int(np.ceil(scenario.days)) + 2))
        own = np.sqrt(1.0 - alike.session - alike.clinician - alike.day)
        z: Floats = np.asarray(own * rng.standard_normal(count))
        z += np.sqrt(alike.session) * by_session[records.session]
        z += np.sqrt(alike.clinician) * people[self._pairs[records.cell], records.clinician]
        z += np.sqrt(alike.day) * by_day[self._tenant, self._day]
        z += alike.tenant_spread * (offsets[0][self._tenant] + offsets[1][self._specialty])
        return z


def _centre(offsets: Floats) -> Floats:
    """Offsets about nothing: what is declared as usual is so on average, however few there are."""
    centred: Floats = offsets - offsets.mean(axis=-1, keepdims=True)
    return centred
