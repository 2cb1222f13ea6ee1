"""`{% unread_enquiries user as n %}`: how many questions nobody of the user's shelters opened."""

from django import template

from portal.accounts.models import User
from portal.enquiries.models import Enquiry

register = template.Library()


@register.simple_tag
def unread_enquiries(user: User) -> int:
    return Enquiry.objects.for_staff(user).filter(state=Enquiry.State.NEW).count()
