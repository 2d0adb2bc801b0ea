"""Pages as rows of dots, PWG raster (PWG 5102.4) and URF: headers read and written, pages walked through."""
