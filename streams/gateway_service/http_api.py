"""The reference gateway's HTTP API: what should this session get, and what does every target serve? It reads only."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Any

from fastapi import FastAPI, HTTPException, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import Field

from homeostat.schemas.base import VERSION, Slug
from homeostat.streams import metrics
from homeostat.streams.client.gateway import Gateway
from homeostat.streams.gateway_service.answers import (
    ErrorAnswer,
    ExposedCount,
    LeaseAnswer,
    ServeAnswer,
    ServeRequest,
    TargetAnswer,
    answer_lease,
    answer_serving,
    answer_target,
)

Batch = Annotated[list[ServeRequest], Field(min_length=1, max_length=1000)]
_UNKNOWN: dict[int | str, dict[str, Any]] = {404: {"model": ErrorAnswer, "description": "No such target here"}}
_UNFIT: dict[int | str, dict[str, Any]] = {422: {"model": ErrorAnswer, "description": "A parameter does not fit"}}


def build_api(gateway: Gateway) -> FastAPI:
    """The API of one gateway; reads only, answers from memory. `/openapi.json` describes it."""
    api = FastAPI(
        title=f"Homeostat gateway {gateway.name}",
        description="What each session gets and each target serves. Reads only: signed desired states change it.",
        version=VERSION,
        docs_url=None,
        redoc_url=None,
        responses=_UNFIT,
    )
    api.add_exception_handler(RequestValidationError, _explain_unfit)
    _add_serving(api, gateway)
    _add_targets(api, gateway)
    _add_probes(api, gateway)
    return api


def _add_serving(api: FastAPI, gateway: Gateway) -> None:
    @api.get("/v1/serve", responses=_UNKNOWN, summary="What this session gets")
    def serve(request: Annotated[ServeRequest, Query()]) -> ServeAnswer:
        return _serve(gateway, request)

    @api.post("/v1/serve", responses=_UNKNOWN, summary="What each of these sessions gets, in their order")
    def serve_batch(requests: Batch) -> list[ServeAnswer]:
        for request in requests:
            if gateway.find_target(request.tenant, request.workflow) is None:
                raise _unknown_target(gateway, request.tenant, request.workflow)
        return [_serve(gateway, request) for request in requests]


def _add_targets(api: FastAPI, gateway: Gateway) -> None:
    @api.get("/v1/targets", summary="Every target with the whole of its desired state")
    def list_targets() -> list[TargetAnswer]:
        views, _ = gateway.view()
        return [answer_target(view, gateway.since_ms(view.state.target.key)) for view in views]

    @api.get("/v1/targets/{tenant}/{workflow}", responses=_UNKNOWN, summary="One target")
    def show_target(tenant: Slug, workflow: Slug) -> TargetAnswer:
        view = gateway.find_target(tenant, workflow)
        if view is None:
            raise _unknown_target(gateway, tenant, workflow)
        return answer_target(view, gateway.since_ms(view.state.target.key))

    @api.get("/v1/exposure", summary="How many target and specialty pairs may get a candidate now")
    def count_exposure() -> ExposedCount:
        return ExposedCount(exposed=gateway.count_exposed())

    @api.get("/v1/leases", summary="Every lease that this process has seen, by its id")
    def list_leases() -> list[LeaseAnswer]:
        held, now = gateway.leases()
        return sorted((answer_lease(each, now) for each in held), key=lambda answer: answer.lease)


def _add_probes(api: FastAPI, gateway: Gateway) -> None:
    @api.get("/live", summary="Whether the process answers")
    def live() -> dict[str, bool]:
        return {"live": True}

    @api.get("/ready", summary="Whether every topic has been read to its end once", responses={503: {}})
    def ready(response: Response) -> dict[str, bool]:
        response.status_code = 200 if gateway.caught_up else 503
        return {"ready": gateway.caught_up}

    @api.get("/metrics", summary="Metrics for Prometheus", response_class=Response)
    def show_metrics() -> Response:
        metrics.GATEWAY_EXPOSED.set(gateway.count_exposed())
        return Response(generate_latest(metrics.REGISTRY), media_type=CONTENT_TYPE_LATEST)


def _serve(gateway: Gateway, request: ServeRequest) -> ServeAnswer:
    found = gateway.serve(request.tenant, request.workflow, request.specialty, request.session, request.properties)
    if found is None:
        raise _unknown_target(gateway, request.tenant, request.workflow)
    return answer_serving(found)


def _unknown_target(gateway: Gateway, tenant: str, workflow: str) -> HTTPException:
    reason = (
        "state its baseline with `homeostat apply`; /v1/targets lists those that have one"
        if gateway.caught_up
        else "this gateway is still reading its topics: ask again when /ready answers 200"
    )
    return HTTPException(404, f"no desired state for {gateway.name}/{tenant}/{workflow}: {reason}")


async def _explain_unfit(_: Request, error: Exception) -> JSONResponse:
    """One sentence, without the value: it may be anything."""
    faults: Sequence[dict[str, Any]] = error.errors() if isinstance(error, RequestValidationError) else ()
    return JSONResponse({"detail": "; ".join(_describe(faults)) + ": see /openapi.json"}, status_code=422)


def _describe(faults: Iterable[dict[str, Any]]) -> list[str]:
    return [f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}" for fault in faults]
