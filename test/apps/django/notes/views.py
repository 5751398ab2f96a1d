from django.contrib import messages
from django.db.models import Avg, Count
from django.shortcuts import get_object_or_404, redirect, render

from .forms import NoteForm
from .models import Note


def index(request):
    totals = Note.objects.aggregate(count=Count("pk"), stars=Avg("stars"))
    return render(request, "notes/index.html", {"notes": Note.objects.all()[:50], "totals": totals})


def write(request):
    form = NoteForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        note = form.save()
        messages.success(request, f"“{note}” is saved.")
        return redirect("note", pk=note.pk)
    return render(request, "notes/write.html", {"form": form}, status=422 if form.errors else 200)


def note(request, pk):
    return render(request, "notes/note.html", {"note": get_object_or_404(Note, pk=pk)})
