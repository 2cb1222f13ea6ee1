"""Addresses that are told of events."""

from __future__ import annotations

from typing import Any

from django.shortcuts import get_object_or_404
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.api.calls import Call
from portal.api.permissions import SignedIn
from portal.publishing import services
from portal.publishing.models import Delivery, Event, Webhook
from portal.shelters.models import Shelter

WANTED = [(event.value, event.label) for event in Event if event != Event.PING]
MOST = 20


class WebhookSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    url = serializers.CharField()
    events = serializers.ListField(child=serializers.ChoiceField(WANTED))
    shelter = serializers.SerializerMethodField(help_text="slug; null: dogs of all shelters")
    enabled = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()

    class Meta:
        ref_name = "Webhook"

    def get_shelter(self, webhook: Webhook) -> str | None:
        return webhook.shelter.slug if webhook.shelter else None

    def get_enabled(self, webhook: Webhook) -> bool:
        return webhook.disabled_at is None


class MadeWebhook(WebhookSerializer):
    secret = serializers.CharField(help_text="signs what is sent (Standard Webhooks); shown once")

    class Meta:
        ref_name = "MadeWebhook"


class WebhookFields(serializers.Serializer[Any]):
    url = serializers.URLField(max_length=500)
    events = serializers.ListField(
        child=serializers.ChoiceField(WANTED), min_length=1, max_length=len(WANTED)
    )
    enabled = serializers.BooleanField(required=False)

    class Meta:
        ref_name = "WebhookFields"

    def validate_url(self, value: str) -> str:
        if not value.startswith(("http://", "https://")):
            raise serializers.ValidationError("Use an http or https address.")
        return value


class NewWebhook(WebhookFields):
    shelter = serializers.CharField(
        max_length=140, required=False, allow_null=True, help_text="slug: its dogs only"
    )

    class Meta:
        ref_name = "NewWebhook"


class DeliverySerializer(serializers.ModelSerializer[Delivery]):
    class Meta:
        model = Delivery
        fields = [
            "id", "event", "payload", "state", "attempts", "status", "error", "next_try_at",
            "created_at", "done_at",
        ]  # fmt: skip
        ref_name = "Delivery"


class Webhooks(Call):
    permission_classes = [SignedIn]

    @extend_schema(operation_id="webhooks_list", responses=WebhookSerializer(many=True))
    def get(self, request: Request) -> Response:
        """Your webhooks."""
        if self.caller() is None:
            self.permission_denied(request)
        own = Webhook.objects.owned_by(request.user).select_related("shelter")
        return Response(WebhookSerializer(own, many=True).data)

    @extend_schema(operation_id="webhooks_create", request=NewWebhook, responses={201: MadeWebhook})
    def post(self, request: Request) -> Response:
        """A new webhook, and the secret that signs what it gets, shown this once."""
        sent = NewWebhook(data=request.data)
        sent.is_valid(raise_exception=True)
        values = sent.validated_data
        user = self.caller()
        assert user is not None
        own = Webhook.objects.owned_by(user)
        if own.filter(url=values["url"]).exists():
            raise serializers.ValidationError({"url": ["You have a webhook of this address."]})
        if own.count() >= MOST:
            raise serializers.ValidationError({"url": [f"You have {MOST} webhooks already."]})
        shelter = None
        if values.get("shelter"):
            shelter = Shelter.objects.filter(slug=values["shelter"]).first()
            if shelter is None:
                raise serializers.ValidationError({"shelter": ["There is no such shelter."]})
        webhook, secret = services.create_webhook(
            owner=user, url=values["url"], events=values["events"], shelter=shelter
        )
        response = Response(WebhookSerializer(webhook).data | {"secret": secret}, status=201)
        response["Location"] = reverse("api:webhook", args=[webhook.pk])
        return response


class OneWebhook(Call):
    permission_classes = [SignedIn]

    @extend_schema(
        operation_id="webhooks_update",
        request=WebhookFields(partial=True),
        responses=WebhookSerializer,
    )
    def patch(self, request: Request, webhook_id: int) -> Response:
        """Writes what is sent; `enabled` switches one on again that was given up."""
        webhook = own_webhook(request, webhook_id)
        sent = WebhookFields(data=request.data, partial=True)
        sent.is_valid(raise_exception=True)
        values = sent.validated_data
        others = Webhook.objects.owned_by(request.user).exclude(pk=webhook.pk)
        if "url" in values and others.filter(url=values["url"]).exists():
            raise serializers.ValidationError({"url": ["You have a webhook of this address."]})
        webhook = services.update_webhook(webhook=webhook, **values)
        return Response(WebhookSerializer(webhook).data)

    @extend_schema(operation_id="webhooks_delete", responses={204: None})
    def delete(self, request: Request, webhook_id: int) -> Response:
        """Nothing more is sent to it."""
        services.delete_webhook(webhook=own_webhook(request, webhook_id))
        return Response(status=204)


class Deliveries(Call):
    permission_classes = [SignedIn]

    @extend_schema(operation_id="webhooks_deliveries_list", responses=DeliverySerializer(many=True))
    def get(self, request: Request, webhook_id: int) -> Response:
        """The last hundred deliveries and what became of them."""
        deliveries = own_webhook(request, webhook_id).deliveries.all()[:100]
        return Response(DeliverySerializer(deliveries, many=True).data)


class Ping(Call):
    permission_classes = [SignedIn]

    @extend_schema(operation_id="webhooks_ping", request=None, responses={202: DeliverySerializer})
    def post(self, request: Request, webhook_id: int) -> Response:
        """Sends a `ping`, to try the receiver with."""
        delivery = services.ping(webhook=own_webhook(request, webhook_id))
        return Response(DeliverySerializer(delivery).data, status=202)


class Secret(Call):
    permission_classes = [SignedIn]

    @extend_schema(operation_id="webhooks_secret", request=None, responses={201: MadeWebhook})
    def post(self, request: Request, webhook_id: int) -> Response:
        """Another secret in place of the old one, shown this once."""
        webhook = own_webhook(request, webhook_id)
        secret = services.renew_secret(webhook=webhook)
        return Response(WebhookSerializer(webhook).data | {"secret": secret}, status=201)


def own_webhook(request: Request, webhook_id: int) -> Webhook:
    return get_object_or_404(
        Webhook.objects.owned_by(request.user).select_related("shelter"), pk=webhook_id
    )
