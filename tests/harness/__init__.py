"""What the whole-system tests share: brokers, client drivers, the raw wire, histories."""
