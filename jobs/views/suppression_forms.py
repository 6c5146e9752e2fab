"""What is typed or chosen on the page of the suppression lists."""

from typing import IO, cast

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile

from accelerator import storable
from accelerator.protocol import LONGEST_ADDRESS, AddressInvalid
from jobs import addressfiles, suppressing

# An empty field is as high as its placeholder (field-sizing).
EXAMPLE = "ann@example.com\nben@example.com\n…"


class FindForm(forms.Form):
    """One address to look for."""

    address = forms.CharField(label="Address", max_length=LONGEST_ADDRESS)

    def clean_address(self) -> str:
        address: str = storable.text(self.cleaned_data["address"])
        try:
            suppressing.key(address)
        except AddressInvalid as error:
            raise ValidationError(f"This is {error}.") from error
        return address


class AddForm(forms.Form):
    """Addresses, one a line. All of them or none: a wrong line is named, and everything stays in the field."""

    addresses = forms.CharField(
        label="Addresses",
        widget=forms.Textarea(attrs={"placeholder": EXAMPLE, "spellcheck": "false", "autocomplete": "off"}),
        help_text=f"One a line, {suppressing.MOST:,} at most."
        " From now on no mailing that the list holds for contacts them.",
    )

    def clean_addresses(self) -> list[str]:
        lines = storable.text(self.cleaned_data["addresses"]).splitlines()
        addresses, wrong = [], []
        for number, line in enumerate(lines, start=1):
            try:
                addresses += [suppressing.key(line)] if line.strip() else []
            except AddressInvalid as error:
                wrong.append(f"Line {number} is {error}.")
        if len(addresses) > suppressing.MOST:
            wrong.insert(
                0, f"{len(addresses):,} addresses are too many at once; add {suppressing.MOST:,} at most."
            )
        if len(wrong) > suppressing.NAMED:
            wrong[suppressing.NAMED :] = [f"{len(wrong) - suppressing.NAMED} more lines are wrong."]
        if wrong:
            raise ValidationError([*wrong, "Nothing was added yet."])
        return addresses


class FileForm(forms.Form):
    """A file of addresses. It is read to its end first: what cannot be read changes nothing."""

    file = forms.FileField(
        label="From a file",
        widget=forms.FileInput(attrs={"accept": ".csv,.txt,text/csv,text/plain"}),
        help_text=f"CSV in UTF-8, {addressfiles.MOST_ROWS:,} addresses at most: one column, or one that is called"
        ' "email". Lines that hold no address are left out and told.',
    )

    def clean_file(self) -> "UploadedFile[bytes]":
        file: UploadedFile[bytes] = self.cleaned_data["file"]
        try:
            addressfiles.count(cast("IO[bytes]", file.file), file.size or 0)
        except addressfiles.FileUnreadable as error:
            raise ValidationError([str(error), "Nothing was added yet."]) from error
        return file
