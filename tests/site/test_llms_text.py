from tools.site.llms_text import build_llms_text, extract_first_sentence

NAV = """
site_name: tool
site_description: does it
nav:
  - tool: index.md
  - Guides:
      - One: a.md
      - More:
          - Two: b/c.md
"""


def test_every_page_of_every_section_is_told_of():
    text = build_llms_text(NAV, {"a.md": "# A\n\nFirst. Second.", "b/c.md": "# B\n\n**short.** Long."})
    lines = ["# tool", "", "> does it", "", "## Guides", "", "- [One](a.html): First.", "- [Two](b/c.html): short."]
    assert text.splitlines() == lines


def test_the_first_sentence_is_prose():
    text = "---\nhide: [toc]\n---\n\n# T\n\nloss of it · `a:b`\n\n<!-- not run: x -->\n```console\n$ A B\n```\n\n"
    assert extract_first_sentence(text + "See [it](x.md) in `code`: yes. No.") == "See it in code: yes."
    assert extract_first_sentence("# T\n\n" + 60 * "word ").endswith("word...")
    assert extract_first_sentence("# T") == ""
