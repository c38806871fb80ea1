"""One output against its reference: verdict, figures, grade."""
