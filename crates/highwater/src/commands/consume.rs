use crate::connect::ConnectArgs;
use crate::error::CommandError;
#[derive(Debug, clap::Args)]
pub(crate) struct ConsumeArgs {}
pub(crate) async fn run(_args: ConsumeArgs, _connect: ConnectArgs) -> Result<(), CommandError> {
    Ok(())
}
