use crate::connect::ConnectArgs;
use crate::error::CommandError;
#[derive(Debug, clap::Args)]
pub(crate) struct ProduceArgs {}
pub(crate) async fn run(_args: ProduceArgs, _connect: ConnectArgs) -> Result<(), CommandError> {
    Ok(())
}
