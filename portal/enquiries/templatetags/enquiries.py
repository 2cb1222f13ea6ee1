"""Questions to a user's shelters, for pages of other apps."""

from django import template

from portal.accounts.models import User
from portal.enquiries.models import Enquiry

register = template.Library()

LATEST = 6


@register.simple_tag
def unread_enquiries(user: User) -> int:
    """`{% unread_enquiries user as n %}`: how many nobody there has opened."""
    return Enquiry.objects.for_staff(user).filter(state=Enquiry.State.NEW).count()


@register.simple_tag
def open_enquiries(user: User) -> list[Enquiry]:
    """`{% open_enquiries user as rows %}`: those that wait for an answer, the longest first."""
    waiting = Enquiry.objects.for_staff(user).filter(
        state__in=[Enquiry.State.NEW, Enquiry.State.READ]
    )
    return list(waiting.select_related("dog").order_by("updated_at")[:LATEST])
