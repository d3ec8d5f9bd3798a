"""Where it can be asked for."""

from __future__ import annotations

from django.urls import path

from recipes.django_app.views import place_order

urlpatterns = [path("orders/<str:item>", place_order)]
