"""Pictures as inline SVG; colours and fonts are classes of the page that holds them."""
