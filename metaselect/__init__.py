"""metaselect: which English intermediate task to fine-tune on before a cross-lingual target."""
