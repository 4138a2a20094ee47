"""The reference gateway's HTTP read API: what should this session get?"""

from typing import Annotated

from fastapi import FastAPI, HTTPException, Query, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import Field

from homeostat.schemas.base import OpaqueId, Part, Slug
from homeostat.schemas.trace import Arm, OutputProperty
from homeostat.streams import metrics
from homeostat.streams.client.gateway import Gateway
from homeostat.streams.client.gateway.core import Serving


class ServeRequest(Part):
    """One session that begins."""

    tenant: Slug
    workflow: Slug
    specialty: Slug
    session: OpaqueId
    properties: Annotated[tuple[OutputProperty, ...], Field(max_length=16)] = ()


class ShadowAnswer(Part):
    """What to run beside the session, under a session id of its own, without giving anybody its output."""

    release: str
    session: str


class ServeAnswer(Part):
    """The release that this session gets, as which arm, and of which generation of the desired state."""

    release: str
    arm: Arm
    rollout: str | None
    generation: int
    shadow: ShadowAnswer | None = None


class TargetAnswer(Part):
    """One target's desired state in brief."""

    target: str
    generation: int
    baseline: str
    exposures: list[str]
    quarantine: list[str]


Batch = Annotated[list[ServeRequest], Field(max_length=1000)]


def build_api(gateway: Gateway) -> FastAPI:
    """The API of one gateway; reads only, answers from memory."""
    api = FastAPI(title=f"Homeostat gateway {gateway.name}", docs_url=None, redoc_url=None)

    @api.get("/v1/serve")
    def serve(request: Annotated[ServeRequest, Query()]) -> ServeAnswer:
        return _answer(gateway, request)

    @api.post("/v1/serve")
    def serve_batch(requests: Batch) -> list[ServeAnswer]:
        return [_answer(gateway, request) for request in requests]

    @api.get("/v1/targets")
    def list_targets() -> list[TargetAnswer]:
        return [
            TargetAnswer(
                target=state.target.key,
                generation=state.generation,
                baseline=state.baseline,
                exposures=[exposure.candidate for exposure in state.exposures],
                quarantine=list(state.quarantine),
            )
            for state in sorted(gateway.states(), key=lambda state: state.target.key)
        ]

    @api.get("/v1/exposure")
    def count_exposure() -> dict[str, int]:
        return {"exposed": gateway.count_exposed()}

    _add_probes(api, gateway)
    return api


def _add_probes(api: FastAPI, gateway: Gateway) -> None:
    @api.get("/live")
    def live() -> dict[str, bool]:
        return {"live": True}

    @api.get("/ready")
    def ready(response: Response) -> dict[str, bool]:
        response.status_code = 200 if gateway.caught_up else 503
        return {"ready": gateway.caught_up}

    @api.get("/metrics")
    def show_metrics() -> Response:
        metrics.GATEWAY_EXPOSED.set(gateway.count_exposed())
        return Response(generate_latest(metrics.REGISTRY), media_type=CONTENT_TYPE_LATEST)


def _answer(gateway: Gateway, request: ServeRequest) -> ServeAnswer:
    found: Serving | None = gateway.serve(
        request.tenant, request.workflow, request.specialty, request.session, request.properties
    )
    if found is None:
        raise HTTPException(404, f"no desired state for {gateway.name}/{request.tenant}/{request.workflow}")
    beside = found.shadow and ShadowAnswer(release=found.shadow.release, session=found.shadow.session)
    return ServeAnswer(
        release=found.release, arm=found.arm, rollout=found.rollout, generation=found.generation, shadow=beside
    )
