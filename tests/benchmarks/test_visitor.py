"""A form sends what a browser would send."""

from pathlib import Path

from benchmarks.visitor import Page, part

FORM = """
<form action="/elsewhere/"><input name="q" value="no"></form>
<form method="post" action="../search/">
  <input type="hidden" name="token" value="a&amp;b"><input name="name" value="Bori">
  <input type="radio" name="sex" value="male"><input type="radio" name="sex" value="female" checked>
  <input type="checkbox" name="unknown" value="yes">
  <select name="size"><option value="small"><option value="large" selected></select>
  <textarea name="words"></textarea><input type="file" name="photo"><input type="submit" name="s">
</form>
"""


def test_the_fields_of_a_form_as_they_stand() -> None:
    form = Page(200, "/staff/dogs/", FORM).form("/staff/search/")
    assert form.fields == [
        ("token", "a&b"),
        ("name", "Bori"),
        ("sex", "female"),
        ("size", "large"),
        ("words", ""),
    ]


def test_a_file_goes_with_its_type_and_a_plain_name(tmp_path: Path) -> None:
    assert part("x", "photo", b"bytes", tmp_path / "geheim.png") == (
        b'--x\r\nContent-Disposition: form-data; name="photo"; filename="photo.png"\r\n'
        b"Content-Type: image/png\r\n\r\nbytes\r\n"
    )
