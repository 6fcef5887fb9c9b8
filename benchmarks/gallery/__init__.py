"""The gallery in `docs/gallery.md`: programs on which the levels differ, measured, drawn and tabulated.

stories.py     the programs
measuring.py   what `docs/gallery/results.json` holds
figures.py     the plots, from that
page.py        the tables and sentences between the page's markers, from that
"""
