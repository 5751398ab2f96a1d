from django import forms

from .models import Note


class NoteForm(forms.ModelForm):
    class Meta:
        model = Note
        fields = ["title", "text", "stars"]
        widgets = {"text": forms.Textarea(attrs={"rows": 4, "cols": 50})}

    def clean_stars(self):
        stars = self.cleaned_data["stars"]
        if stars > 5:
            raise forms.ValidationError("At most five stars.")
        return stars
