// SPDX-License-Identifier: EPL-2.0
package org.snapback.ui.internal.launch;

import org.eclipse.core.runtime.CoreException;
import org.eclipse.debug.core.ILaunchConfiguration;
import org.eclipse.debug.core.ILaunchConfigurationWorkingCopy;
import org.eclipse.debug.ui.AbstractLaunchConfigurationTab;
import org.eclipse.jface.layout.GridDataFactory;
import org.eclipse.jface.layout.GridLayoutFactory;
import org.eclipse.swt.SWT;
import org.eclipse.swt.widgets.Composite;
import org.eclipse.swt.widgets.Group;
import org.eclipse.swt.widgets.Text;
import org.eclipse.ui.PlatformUI;
import org.snapback.debug.LaunchAttributes;
import org.snapback.ui.internal.Messages;

/** What the program is given to begin with, and gdb, where there is one. */
public final class ArgumentsTab extends AbstractLaunchConfigurationTab {

    private final boolean withDebugger;
    private Text arguments;
    private Text commands;

    ArgumentsTab(boolean withDebugger) {
        this.withDebugger = withDebugger;
    }

    @Override
    public void createControl(Composite parent) {
        Composite page = new Composite(parent, SWT.NONE);
        GridLayoutFactory.swtDefaults().applyTo(page);
        arguments = text(page, Messages.argumentsProgram);
        commands = withDebugger ? text(page, Messages.argumentsCommands) : null;
        setControl(page);
        PlatformUI.getWorkbench().getHelpSystem().setHelp(page, "org.snapback.ui.launch_main");
    }

    private Text text(Composite page, String label) {
        Group group = new Group(page, SWT.NONE);
        group.setText(label);
        GridLayoutFactory.swtDefaults().applyTo(group);
        GridDataFactory.fillDefaults().grab(true, true).applyTo(group);
        Text text = new Text(group, SWT.BORDER | SWT.MULTI | SWT.WRAP | SWT.V_SCROLL);
        GridDataFactory.fillDefaults().grab(true, true).hint(300, 60).applyTo(text);
        text.addListener(SWT.Modify, event -> updateLaunchConfigurationDialog());
        return text;
    }

    @Override
    public void setDefaults(ILaunchConfigurationWorkingCopy configuration) {
        // nothing is given
    }

    @Override
    public void initializeFrom(ILaunchConfiguration configuration) {
        try {
            arguments.setText(configuration.getAttribute(LaunchAttributes.ARGUMENTS, ""));
            if (commands != null) {
                commands.setText(configuration.getAttribute(LaunchAttributes.GDB_COMMANDS, ""));
            }
        } catch (CoreException e) {
            setErrorMessage(e.getStatus().getMessage());
        }
    }

    @Override
    public void performApply(ILaunchConfigurationWorkingCopy configuration) {
        keep(configuration, LaunchAttributes.ARGUMENTS, arguments);
        if (commands != null) {
            keep(configuration, LaunchAttributes.GDB_COMMANDS, commands);
        }
    }

    private static void keep(ILaunchConfigurationWorkingCopy configuration, String attribute, Text text) {
        configuration.setAttribute(attribute, text.getText().isBlank() ? null : text.getText());
    }

    @Override
    public String getName() {
        return Messages.argumentsName;
    }

    @Override
    public String getId() {
        return "org.snapback.ui.launch.arguments";
    }
}
