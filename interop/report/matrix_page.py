def page(d):
    return ""
