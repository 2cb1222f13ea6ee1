"""What admins see and do about the weights of the likeness: learn, activate, go back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib import messages
from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from ml.fusion import EXTRA, MODES
from portal.accounts.access import SignedInRequest, admin_required
from portal.jobs.messages import sentence
from portal.matching import services
from portal.matching.models import Feedback, FusionWeights
from portal.matching.queries import fusion_in_use
from portal.matching.services.learning import LEAST_PAIRS
from portal.matching.weighed import NAMES

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise as StrPromise

SHOWN = 5


@dataclass(frozen=True)
class Row:
    """A part and its weight in each mode, in the order of MODES."""

    label: StrPromise
    weights: list[float]


def learning_context() -> dict[str, Any]:
    """The weights that count, how much feedback there is, and what was learnt lately."""
    fusion = fusion_in_use()
    kinds = Feedback.objects.order_by().values_list("kind").annotate(Count("pk"))
    tally = [(Feedback.Kind(kind).label, number) for kind, number in kinds]
    return {
        "weight_rows": [
            Row(NAMES[part], [fusion.weights[mode][part] for mode in MODES]) for part in EXTRA
        ],
        "feedback": tally,
        "pairs": sum(number for _kind, number in tally),
        "least_pairs": LEAST_PAIRS,
        "learn_from": settings.LEARN_FROM,
        "learnt": list(FusionWeights.objects.all()[:SHOWN]),
        "learnt_active": FusionWeights.objects.active().first(),
    }


@admin_required
@require_POST
def learn(request: SignedInRequest) -> HttpResponse:
    """A second at most: there are few numbers to learn."""
    try:
        row = services.learn_weights()
    except services.LearningRefused as refused:
        messages.error(request, sentence(refused.code))
    else:
        if row.is_better:
            messages.success(request, _("Learnt. These weights are better: you may activate them."))
        else:
            messages.warning(request, _("Learnt, but no better than the fixed weights."))
    return answer(request)


@admin_required
@require_POST
def activate(request: SignedInRequest, weights_id: int) -> HttpResponse:
    weights = get_object_or_404(FusionWeights, pk=weights_id)
    try:
        services.activate_weights(weights=weights, by=request.user)
    except services.LearningRefused as refused:
        messages.error(request, sentence(refused.code))
    else:
        messages.success(request, _("Searches use the learnt weights now."))
    return answer(request)


@admin_required
@require_POST
def use_fixed(request: SignedInRequest) -> HttpResponse:
    services.use_fixed_weights(by=request.user)
    messages.success(request, _("Searches use the fixed weights now."))
    return answer(request)


def answer(request: SignedInRequest) -> HttpResponse:
    if not request.htmx:
        return redirect("manage:overview")
    return render(request, "manage/learning.html", learning_context())
