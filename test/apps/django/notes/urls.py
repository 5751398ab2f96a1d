from django.urls import path

from . import views

urlpatterns = [
    path("", views.index, name="index"),
    path("write/", views.write, name="write"),
    path("notes/<int:pk>/", views.note, name="note"),
]
