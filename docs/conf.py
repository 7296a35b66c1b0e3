"""The site: Sphinx with MyST pages; tutorials are executed when it is built."""

import lakhnes

project = "lakhnes"
author = "The lakhnes developers"
copyright = "the lakhnes developers, MIT licence"
version = release = lakhnes.__version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_click", "sphinx_copybutton"]
exclude_patterns = ["_build"]
suppress_warnings = ["misc.highlighting_failure"]  # grammars in text blocks

html_theme = "furo"
html_title = f"lakhnes {release}"
html_extra_path = ["song.ogg"]
html_copy_source = False
html_show_sourcelink = False

# Nothing is loaded from elsewhere: the pages work without a network.
html_theme_options = {"footer_icons": []}

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

nb_execution_mode = "force"
nb_execution_timeout = 300
nb_execution_raise_on_error = True
nb_merge_streams = True

autodoc_typehints = "none"  # the docstrings say them
napoleon_google_docstring = False
napoleon_use_rtype = False
