"""One place to see and change what every node serves. Stateless but for NATS: any number of masters may run."""
