//! The WIT interface `secrets`: handles to credentials, by reference only.

use wasmtime::component::Resource;

use super::State;
use crate::sandbox::bindings::connector::source::secrets::{Host, HostSecret, SecretError};
use crate::sandbox::secrets::SecretHandle;

impl Host for State {
    async fn get(
        &mut self,
        name: String,
    ) -> wasmtime::Result<Result<Resource<SecretHandle>, SecretError>> {
        if !self.declared_secrets.contains(&name) {
            return Ok(Err(SecretError::Undeclared));
        }
        match self.secrets.handle(&name) {
            Some(handle) => Ok(Ok(self.table.push(handle)?)),
            None => Ok(Err(SecretError::NotGranted)),
        }
    }
}

impl HostSecret for State {
    async fn reference(&mut self, handle: Resource<SecretHandle>) -> wasmtime::Result<String> {
        Ok(self.table.get(&handle)?.reference.clone())
    }

    async fn drop(&mut self, handle: Resource<SecretHandle>) -> wasmtime::Result<()> {
        self.table.delete(handle)?;
        Ok(())
    }
}
