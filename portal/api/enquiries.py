"""Questions to shelters, from both sides."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.shortcuts import get_object_or_404
from django.urls import reverse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.api.calls import Call, refuse_unknown
from portal.api.pagination import NewestFirst
from portal.api.permissions import Anybody, SignedIn, within_token
from portal.dogs.models import Dog
from portal.enquiries import services
from portal.enquiries.forms import LETTERS
from portal.enquiries.models import Enquiry
from portal.throttles import Enquiries


class MessageSerializer(serializers.Serializer[Any]):
    from_shelter = serializers.BooleanField()
    text = serializers.CharField()
    at = serializers.DateTimeField()

    class Meta:
        ref_name = "Message"


class EnquirySerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    dog = serializers.CharField(source="dog.slug")
    shelter = serializers.CharField(source="shelter.slug")
    name = serializers.CharField()
    email = serializers.CharField()
    state = serializers.ChoiceField(Enquiry.State.choices)
    confirmed = serializers.SerializerMethodField(help_text="whether the shelter has it")
    messages = MessageSerializer(many=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()

    class Meta:
        ref_name = "Enquiry"

    def get_confirmed(self, enquiry: Enquiry) -> bool:
        return enquiry.confirmed_at is not None


class NewEnquiry(serializers.Serializer[Any]):
    dog = serializers.CharField(max_length=100, help_text="slug")
    name = serializers.CharField(max_length=80)
    email = serializers.EmailField()
    text = serializers.CharField(max_length=LETTERS)
    language = serializers.ChoiceField([code for code, _name in settings.LANGUAGES], default="en")

    class Meta:
        ref_name = "NewEnquiry"


class NewMessage(serializers.Serializer[Any]):
    text = serializers.CharField(max_length=LETTERS)

    class Meta:
        ref_name = "NewMessage"


class EnquiryState(serializers.Serializer[Any]):
    state = serializers.ChoiceField(Enquiry.State.choices)

    class Meta:
        ref_name = "EnquiryState"


def visible(request: Request) -> Any:
    found = Enquiry.objects.visible_to(request.user)
    found = within_token(request, found)
    return found.select_related("dog", "shelter").prefetch_related("messages")


class EnquiriesView(Call):
    permission_classes = [Anybody]
    pagination_class = NewestFirst
    throttle_classes = [*Call.throttle_classes, Enquiries]
    problems = (410,)

    @extend_schema(
        operation_id="enquiries_list",
        parameters=[
            OpenApiParameter("state", enum=Enquiry.State.values),
            OpenApiParameter("cursor", str),
            OpenApiParameter("page_size", int),
        ],
        responses=EnquirySerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        """Your enquiries, and those that your shelters got."""
        if self.caller() is None:
            self.permission_denied(request)
        refuse_unknown(request, ("state", "cursor", "page_size"))
        found = visible(request)
        state = request.query_params.get("state")
        if state is not None and state not in Enquiry.State.values:
            raise serializers.ValidationError({"state": ["There is no such state."]})
        found = found.filter(state=state) if state else found
        pages = Newest()
        rows = pages.paginate_queryset(found, request, self)
        return pages.get_paginated_response(EnquirySerializer(rows, many=True).data)

    @extend_schema(
        operation_id="enquiries_create", request=NewEnquiry, responses={202: EnquirySerializer}
    )
    def post(self, request: Request) -> Response:
        """Asks the dog's shelter. An address that is not your account's gets one e-mail with a
        link; the shelter sees the question once it is followed."""
        sent = NewEnquiry(data=request.data)
        sent.is_valid(raise_exception=True)
        values = sent.validated_data
        dog = get_object_or_404(
            Dog.objects.exclude(status=Dog.Status.DRAFT).select_related("shelter"),
            slug=values.pop("dog"),
        )
        enquiry = services.send_enquiry(dog=dog, user=self.caller(), **values)
        response = Response(EnquirySerializer(enquiry).data, status=202)
        response["Location"] = reverse("api:enquiry", args=[enquiry.pk])
        return response


class Newest(NewestFirst):
    ordering = ("-created_at", "-pk")


class OneEnquiry(Call):
    permission_classes = [SignedIn]

    @extend_schema(operation_id="enquiries_read", responses=EnquirySerializer)
    def get(self, request: Request, enquiry_id: uuid.UUID) -> Response:
        """One enquiry with its messages."""
        return Response(EnquirySerializer(get_object_or_404(visible(request), pk=enquiry_id)).data)

    @extend_schema(
        operation_id="enquiries_update", request=EnquiryState, responses=EnquirySerializer
    )
    def patch(self, request: Request, enquiry_id: uuid.UUID) -> Response:
        """Its state, by the shelter's staff: read, answered, closed."""
        own = within_token(request, Enquiry.objects.for_staff(request.user))
        enquiry = get_object_or_404(own, pk=enquiry_id)
        sent = EnquiryState(data=request.data)
        sent.is_valid(raise_exception=True)
        services.set_state(enquiry=enquiry, state=sent.validated_data["state"])
        return Response(EnquirySerializer(visible(request).get(pk=enquiry.pk)).data)


class Messages(Call):
    permission_classes = [SignedIn]

    @extend_schema(
        operation_id="enquiries_messages_create",
        request=NewMessage,
        responses={201: EnquirySerializer},
    )
    def post(self, request: Request, enquiry_id: uuid.UUID) -> Response:
        """Another message, from whichever side you are on; the other gets an e-mail."""
        enquiry = get_object_or_404(visible(request), pk=enquiry_id)
        sent = NewMessage(data=request.data)
        sent.is_valid(raise_exception=True)
        user = self.caller()
        assert user is not None
        services.add_message(
            enquiry=enquiry,
            by=user,
            text=sent.validated_data["text"],
            from_shelter=enquiry.user_id != user.pk,
        )
        return Response(EnquirySerializer(visible(request).get(pk=enquiry.pk)).data, status=201)
